"""From predictions and decisions to one place for every item, under the policy that was certified."""
