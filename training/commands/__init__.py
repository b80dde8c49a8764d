"""The sub-commands of training, one file each: parse, call one function, print."""
