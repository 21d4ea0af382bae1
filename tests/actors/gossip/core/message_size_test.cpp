#include "actors/gossip/core/message_size.hpp"
#include "actors/gossip/core/wire.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;

namespace {

struct draw {
  prng random{21};
  std::string text(size_t most) { return std::string(random.below(most), 'x'); }
  uint32_t number() { return static_cast<uint32_t>(random() >> random.between(32, 63)); }
  address at() { return {random.chance(0.1) ? std::string() : std::string(random.chance(0.5) ? 4 : 16, '\x7f'), static_cast<uint16_t>(random() >> random.between(48, 63))}; }
  message any() {
    switch (random.below(8)) {
    case 0: return ping{number(), text(60), at(), text(60)};
    case 1: return indirect_ping{number(), text(60), at(), random.chance(0.5), at(), text(60)};
    case 2: return ack{number(), text(200)};
    case 3: return nack{number()};
    case 4: return suspect{number(), text(60), text(60)};
    case 5: return dead{number(), text(60), text(60)};
    case 6: return alive{number(), text(60), at(), text(512), versions{1, 5, 2, 2, 5, 4}};
    default: return user{text(300)};
    }
  }
};

} // namespace

TEST_CASE("the bound of a message's size is never below what is encoded, and little above") {
  draw d;
  size_t bound = 0, real = 0;
  for (int i = 0; i < 20000; ++i) {
    const message m = d.any();
    const size_t size = encode(m).size();
    CHECK(size_bound(m) >= size);
    bound += size_bound(m);
    real += size;
  }
  CHECK(static_cast<double>(bound) < 1.1 * static_cast<double>(real));
}
