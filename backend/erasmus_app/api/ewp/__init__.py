"""Our side as an EWP host: manifest, echo, and the receivers of change notifications."""
