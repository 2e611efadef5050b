"""Of it fairseq imports scores of classified sentences. The real one takes 1.3 s to import."""
