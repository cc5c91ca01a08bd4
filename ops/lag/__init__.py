"""How far consumer groups are behind, asked of Kafka itself: also where no worker runs. Imports no Faust."""
