"""The lakehouse under fire: killed, starved of disk, damaged, raced and fed with hostile input."""
