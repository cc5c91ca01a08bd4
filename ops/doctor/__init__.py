"""What is looked at before anything runs, and whenever somebody asks `cx doctor`. Imports no Faust."""
