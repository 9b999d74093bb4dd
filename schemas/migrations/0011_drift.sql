-- One row per run, vendor, department (NULL: all of them) and statistic: how what came for the first time compares with what
-- came in the runs before. value and usual: means, NULL where the statistic is a distance. score: in units of what one in a
-- hundred quiet batches reaches; bar: what it takes to alarm. sentence, remedy and examples stand where it does.
CREATE TABLE drift_statistics (
    run_id VARCHAR, vendor VARCHAR, category_id VARCHAR, statistic VARCHAR, items BIGINT, reference_items BIGINT,
    reference_runs INTEGER, value DOUBLE, usual DOUBLE, score DOUBLE, bar DOUBLE, p_value DOUBLE, alarm BOOLEAN,
    sentence VARCHAR, remedy VARCHAR, examples VARCHAR[], model_id VARCHAR, noted_at TIMESTAMPTZ
);

-- One row per picture that was looked at. brightness: mean grey level, 0 to 255; sharpness: grey levels between neighbouring
-- pixels; pixels: of the picture as it came.
CREATE TABLE picture_looks (image_hash VARCHAR, brightness DOUBLE, sharpness DOUBLE, pixels BIGINT, run_id VARCHAR);
