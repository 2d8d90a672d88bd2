"""The MEX lab: Figure 2 of the paper in network namespaces. See `lab --help`."""
