"""
Items to the bytes of a BatchWriteItem request, and back.

`encoder` decides; `plain` is the reference, which names every fault; `fused` does the same work in
one pass and gives up in doubt. Wherever both answer they answer alike, to the byte:
`bench/encode.py --check` compares them on millions of items.
"""

from pipeline.table.encoding.decoding import decode_item
from pipeline.table.encoding.encoder import Encoder
from pipeline.table.encoding.request import Encoded

__all__ = ["Encoded", "Encoder", "decode_item"]
