"""From labelled products to a bundle: encoders, branches, tuning, their mix, what the labels hide, the model card."""
