// Every captured encrypted packet and stream opens with its key, and is sealed to the same bytes with its nonce.
#include "actors/gossip/cipher.hpp"
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/core/stream.hpp"
#include "tests/support/gossip_vectors.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;

namespace {

// The real cipher with a nonce from a capture.
class replayed_cipher final : public cipher {
public:
  explicit replayed_cipher(std::string nonce) : nonce_(std::move(nonce)), real_(make_cipher().value()) {}
  std::string nonce() override { return nonce_; }
  void seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view plain, std::string& out) override {
    real_->seal(key, nonce, bound, plain, out);
  }
  bool open(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view sealed, std::string& out) override {
    return real_->open(key, nonce, bound, sealed, out);
  }

private:
  std::string nonce_;
  std::unique_ptr<cipher> real_;
};

std::string reversed(std::string key) { return {key.rbegin(), key.rend()}; }

} // namespace

TEST_CASE("every captured encrypted packet and stream opens, and is sealed to the same bytes again") {
  size_t packets = 0, streams = 0;
  for (const auto& v : test::gossip_vectors()) {
    if (v.keys.empty()) continue;
    INFO(v.name);
    const size_t prefix = v.stream ? 5 : 0;
    replayed_cipher c(v.bytes.substr(prefix + 1, cipher::nonce_size));
    keyring keys;
    REQUIRE(keys.add(reversed(v.keys[0])).ok()); // one that does not fit comes first
    REQUIRE(keys.add(v.keys[0]).ok());
    sealing seal(keys, c);
    auto plain = seal.open(std::string_view(v.bytes).substr(prefix), std::string_view(v.bytes).substr(0, prefix));
    REQUIRE(plain.ok());
    CHECK_FALSE(seal.open(std::string_view(v.bytes).substr(prefix), "other").ok());
    if (v.stream) {
      ++streams;
      stream_reader r(&seal);
      auto m = r.feed(v.bytes);
      REQUIRE(m.ok());
      REQUIRE(m->has_value());
    } else {
      ++packets;
      auto p = decode_packet(v.bytes, &seal);
      REQUIRE(p.ok());
      CHECK(p->dropped == 0);
      CHECK(p->messages.size() == (v.name == "install-key-query" ? 2 : 1));
    }
    REQUIRE(keys.use(v.keys[0]).ok());
    const auto again = v.bytes.substr(0, prefix) + seal.seal(*plain, std::string_view(v.bytes).substr(0, prefix));
    CHECK(test::to_hex(again) == test::to_hex(v.bytes));
  }
  CHECK(packets == 7);
  CHECK(streams == 2);
}

TEST_CASE("a sealed stream of ours has the captured shape") {
  const auto v = test::gossip_vector_named("encrypted-error-stream");
  replayed_cipher c(v.bytes.substr(6, cipher::nonce_size));
  keyring keys;
  REQUIRE(keys.add(v.keys[0]).ok());
  sealing seal(keys, c);
  stream_reader r(&seal);
  auto m = r.feed(v.bytes);
  REQUIRE(m.ok());
  CHECK(**m == stream_message(failure{"Encryption is configured but remote state is not encrypted"}));
  auto again = encode_stream(**m, {.compress = true, .opening_clear = true}, &seal);
  REQUIRE(again.ok());
  CHECK(test::to_hex(*again) == test::to_hex(v.bytes));
}

TEST_CASE("the cipher refuses what was touched, for keys of every size, and never repeats a nonce") {
  auto c = make_cipher();
  REQUIRE(c.ok());
  CHECK((*c)->nonce() != (*c)->nonce());
  CHECK((*c)->nonce().size() == cipher::nonce_size);
  for (const size_t size : {16, 24, 32}) {
    keyring keys;
    REQUIRE(keys.add(std::string(size, 'k')).ok());
    sealing seal(keys, **c);
    for (const std::string& plain : {std::string(), std::string("x"), std::string(100'000, 'y')}) {
      const auto sealed = seal.seal(plain, "bound");
      CHECK(sealed.size() == plain.size() + sealing::overhead);
      CHECK(*seal.open(sealed, "bound") == plain);
      for (const size_t at : {size_t{1}, size_t{13}, sealed.size() - 1}) {
        auto touched = sealed;
        touched[at] = static_cast<char>(touched[at] ^ 1);
        CHECK_FALSE(seal.open(touched, "bound").ok());
      }
    }
  }
}
