#include "runtime/base/text_hash.hpp"
#include <random>

namespace actord {

void draw_text_hash_key() {
  std::random_device entropy;
  text_hash_key = static_cast<uint64_t>(entropy()) << 32 | entropy();
}

} // namespace actord
