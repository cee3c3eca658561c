"""MIG: layouts, profiles, who asks for slices and who gets them."""
