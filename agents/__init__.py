"""Which event does what: thin Faust agents around pure folds."""
