"""The night job: what has arrived is loaded, what changed is relinked, all is verified and told."""
