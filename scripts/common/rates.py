"""The rate of all audio that is heard. It stands alone, so that who only counts samples does not depend on how wavs are
read.
"""

SAMPLE_RATE = 16_000  # Hz; what wav2vec 2.0 base was designed for (Baevski et al., 2020)
