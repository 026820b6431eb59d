"""Models larger than memory: measured block by block, each block's weights read when it is due."""
