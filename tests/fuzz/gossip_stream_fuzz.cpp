// Any bytes on a connection, in two pieces: never a crash, never more held than the limit, the same as in one piece, and what
// decodes encodes to what decodes to the same. The keyring file, too.
#include "actors/gossip/core/stream.hpp"
#include "tests/fuzz/open_cipher.hpp"
#include <cstdlib>

using namespace actord;
using namespace actord::gossip;

namespace {

std::optional<stream_message> read(std::string_view in, size_t cut, const sealing* seal, size_t limit, std::string& why) {
  stream_reader r(seal, limit);
  for (const auto piece : {in.substr(0, cut), in.substr(cut)}) {
    auto m = r.feed(piece);
    if (r.held() > 2 * (limit + in.size()) + 64) std::abort();
    if (!m) {
      why = m.err().text;
      if (r.needs() != 0) std::abort();
      return {};
    }
    if (*m) return std::move(*m);
    if (r.needs() == 0) std::abort();
  }
  return {};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const std::string_view in(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  if (bytes[0] == 0xff) {
    if (auto k = parse_keyring_file(in); k && !(*parse_keyring_file(keyring_file(*k)) == *k)) std::abort();
    return 0;
  }
  open_cipher c;
  keyring keys;
  if ((bytes[0] & 1) != 0) (void)keys.add(std::string(16, 'k'));
  const sealing seal(keys, c, (bytes[0] & 2) != 0);
  constexpr size_t limit = 64 << 10;
  std::string why, why_again;
  const auto whole = read(in, in.size(), &seal, limit, why);
  const auto pieces = read(in, in.empty() ? 0 : bytes[size - 1] % in.size(), &seal, limit, why_again);
  if (!(whole == pieces) || why != why_again) std::abort();
  if (!whole) return 0;
  auto out = encode_stream(*whole, {.compress = (bytes[0] & 4) != 0}, &seal);
  if (!out) std::abort();
  const auto again = read(*out, out->size() / 2, &seal, stream_limit, why);
  if (!again || !(*again == *whole)) std::abort();
  return 0;
}
