"""The documents of the network as typed values, one module per API, its versions side by side."""
