"""How it goes: what changed in what vendors send, whom the model serves worse, why an item stands where it stands."""
