"""Recognisers of spoken digits in the shape of NeMo's, trained in minutes: for tests."""
