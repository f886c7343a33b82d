"""Pace: how much may be sent now, over all writers: a rate that is given or one that is learnt."""
