-- The 95% interval of a share, part of whole seen, as [low, high] (Wilson 1927); [0, 1] where whole is 0.
CREATE OR REPLACE MACRO wilson(part, whole) AS [
    greatest(0, (part + 1.9207294 - 1.9599640 * sqrt(part * (whole - part) / nullif(whole, 0) + 0.9603647)) / (whole + 3.8414588)),
    least(1, (part + 1.9207294 + 1.9599640 * sqrt(part * (whole - part) / nullif(whole, 0) + 0.9603647)) / (whole + 3.8414588))
];
