"""The gift desk: catalogue, codes, budgets and requests of one programme, as a pure fold."""
