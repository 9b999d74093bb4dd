"""Quality on real data: every method in the same splits, with the same calibration and certificate.

    python -m benchmarks.quality run [--set S] [--method M] [--split X] [--seed N] [--share F] [--limit-seconds T]
    python -m benchmarks.quality resample --set S --split X --method M
    python -m benchmarks.quality tables

A cell is (set, split, method, seed, share of labels). `run` measures the missing ones, the most wanted first, each in a
process of its own, and appends a line to cells.jsonl; `tables` writes the section of benchmarks/RESULTS.md from the lines.
"""
