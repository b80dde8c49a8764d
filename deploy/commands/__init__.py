"""The sub-commands of deploy, one file each: parse, call one function, print."""
