-- Lower end of the 95% interval of a share, part of whole seen (Wilson 1927); 0 where whole is 0.
CREATE OR REPLACE MACRO share_low(part, whole) AS greatest(0.0,
    (part + 1.9207294 - 1.9599640 * sqrt(part * (whole - part) / nullif(whole, 0)::DOUBLE + 0.9603647))
    / (nullif(whole, 0) + 3.8414588)
);
