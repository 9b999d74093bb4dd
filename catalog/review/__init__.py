"""What people are asked, in which order, on which sheets, and what their answers mean."""
