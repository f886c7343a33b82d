"""The AWS client behind one door: connecting, table calls, batch writes, fault translation."""
