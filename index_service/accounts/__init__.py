"""People who sign in to the workbench: who they are, what they may do, and for how long a browser is trusted."""
