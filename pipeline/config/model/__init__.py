"""The definition as frozen, typed models; `model.definition` is the whole, the others its parts."""
