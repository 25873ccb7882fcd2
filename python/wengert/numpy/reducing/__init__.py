"""Many elements into one, along axes: sums, running sums, statistics, order, sets."""
