-- One row per pair of categories that the serving model mixes up most, on products it has not learned from.
SELECT predicted_path, decided_path, items, share_of_decided, mean_probability, examples
FROM confusion_pairs
ORDER BY items DESC, mean_probability DESC, predicted_path, decided_path LIMIT 6;
