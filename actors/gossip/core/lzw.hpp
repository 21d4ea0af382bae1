// The compression of gossip messages: LZW as in GIF, least significant bit first, 8-bit literals, codes of 9 to 12 bits.
#pragma once
#include "runtime/base/error.hpp"
#include <string>
#include <string_view>

namespace actord::gossip {

// Byte for byte what real agents write. `opening_clear`: begin with the clear code, as agents that were built with a
// newer compiler do; every decoder takes both. Linear in the input.
std::string lzw_compress(std::string_view plain, bool opening_clear = false);

// Gives errc::corrupt for a code that was never defined or a missing end, errc::too_large when more than `limit` bytes come out;
// never holds more than that.
result<std::string> lzw_expand(std::string_view packed, size_t limit);

} // namespace actord::gossip
