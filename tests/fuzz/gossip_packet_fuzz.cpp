// Any datagram: never a crash, never more out of it than the bounds allow, and what decodes encodes to what decodes to the same.
// The first byte says whether a keyring is there.
#include "actors/gossip/core/packet.hpp"
#include "tests/fuzz/open_cipher.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::gossip;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  open_cipher c;
  keyring keys;
  if ((bytes[0] & 1) != 0) (void)keys.add(std::string(16, 'k'));
  const sealing seal(keys, c, (bytes[0] & 2) != 0);
  const packet_bounds bounds{.expanded = 32 << 10, .messages = 64, .depth = 3};
  auto p = decode_packet(in, &seal, bounds);
  if (!p) return 0;
  if (p->messages.size() > bounds.messages) std::abort();
  size_t held = 0;
  std::vector<std::string> parts;
  for (const auto& m : p->messages) {
    parts.push_back(encode(m));
    held += parts.back().size();
    auto again = decode(parts.back());
    if (!again || !(*again == m)) std::abort();
  }
  if (held > 2 * (in.size() + bounds.expanded) + 256 * p->messages.size()) std::abort();
  size_t seen = 0;
  for (const auto& body : bundle(parts, packet_budget)) {
    auto again = decode_packet(encode_packet(body, {.compress = (bytes[0] & 4) != 0, .crc = true}, &seal), &seal,
                               {.expanded = 1 << 20, .messages = 1024, .depth = 4});
    if (again) seen += again->messages.size();
  }
  for (const auto& part : parts)
    if (part.size() > UINT16_MAX) return 0; // no room for it in a compound
  if (seen != parts.size()) std::abort();
  return 0;
}
