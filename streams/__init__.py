"""How events flow: settings, topics, the Faust app with its batch lane, state, and the read model."""
