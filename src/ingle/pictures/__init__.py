"""Work on pictures; pure, used in workers: files of strangers are read here."""
