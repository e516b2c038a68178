// Exists to be compiled: the precompiled header of all tests belongs to its target.
