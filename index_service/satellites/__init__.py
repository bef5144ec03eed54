"""Records of segregated sources (42 CFR Part 2): attached to persons that were formed without them."""
