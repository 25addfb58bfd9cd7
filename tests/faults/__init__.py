"""A soak test: flows of every kind under killed workers, Ctrl-C, forks and threads, by chance."""
