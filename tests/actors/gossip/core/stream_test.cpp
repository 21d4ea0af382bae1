// Streams of hostile peers, and the exact texts that honest ones are told.
#include "actors/gossip/core/packet.hpp"
#include "actors/gossip/core/stream.hpp"
#include "tests/support/gossip_vectors.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::gossip;

namespace {

// Not secret at all, but as strict as a real one about key, nonce, bound bytes and tag.
class toy_cipher final : public cipher {
public:
  std::string nonce() override { return std::string(nonce_size, static_cast<char>('a' + count_++ % 26)); }
  void seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view plain, std::string& out) override {
    for (size_t i = 0; i < plain.size(); ++i) out.push_back(static_cast<char>(plain[i] ^ key[i % key.size()]));
    out += tag(key, nonce, bound, plain);
  }
  bool open(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view sealed, std::string& out) override {
    const auto body = sealed.substr(0, sealed.size() - tag_size);
    for (size_t i = 0; i < body.size(); ++i) out.push_back(static_cast<char>(body[i] ^ key[i % key.size()]));
    return tag(key, nonce, bound, out) == sealed.substr(body.size());
  }

private:
  static std::string tag(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view plain) {
    const auto sum = crc32(std::string(key).append(nonce).append(bound).append(plain));
    std::string out = std::to_string(sum);
    out.resize(tag_size, '.');
    return out;
  }
  int count_ = 0;
};

const std::string key_a(16, 'a'), key_b(32, 'b');

struct sealed_end {
  explicit sealed_end(const std::string& key, bool incoming = true, bool outgoing = true) : seal(keys, secret, incoming, outgoing) {
    REQUIRE(keys.add(key).ok());
  }
  toy_cipher secret;
  keyring keys;
  sealing seal;
};

struct outcome {
  std::optional<stream_message> what;
  std::string why;
  bool told = false;
};
outcome read(std::string_view bytes, const sealing* seal, size_t limit = stream_limit) {
  stream_reader r(seal, limit);
  for (const char c : bytes) {
    auto m = r.feed({&c, 1});
    if (!m) return {{}, m.err().text, r.answer_failure()};
    if (*m) return {std::move(*m), "", false};
    CHECK(r.held() <= 2 * limit + 64);
  }
  return {{}, "unfinished", false};
}

const stream_message question = push_pull{true, {}, "state"};

} // namespace

TEST_CASE("a sealed stream opens with any key of the ring, and not with other bytes before it") {
  sealed_end one(key_a), two(key_b);
  auto bytes = encode_stream(question, {}, &one.seal);
  REQUIRE(bytes.ok());
  CHECK(bytes->at(0) == 10);
  CHECK(read(*bytes, &one.seal).what == question);
  const auto stranger = read(*bytes, &two.seal);
  CHECK(stranger.why == "No installed keys could decrypt the message");
  CHECK(stranger.told);
  REQUIRE(two.keys.add(key_a).ok());
  CHECK(read(*bytes, &two.seal).what == question);
  // The length is authenticated: a byte more after a length that says so does not open.
  auto longer = *bytes;
  longer[4] = static_cast<char>(longer[4] + 1);
  longer.push_back('x');
  CHECK(read(longer, &one.seal).why == "No installed keys could decrypt the message");
}

TEST_CASE("who mixes plain and sealed streams is told so") {
  sealed_end strict(key_a), lax(key_a, false, false);
  auto plain = encode_stream(question, {}, nullptr);
  auto sealed = encode_stream(question, {}, &strict.seal);
  auto refused = read(*plain, &strict.seal);
  CHECK(refused.why == "Encryption is configured but remote state is not encrypted");
  CHECK(refused.told);
  refused = read(*sealed, nullptr);
  CHECK(refused.why == "Remote state is encrypted and encryption is not configured");
  CHECK(refused.told);
  // While encryption is being switched on both are taken, and plain is sent.
  CHECK(read(*plain, &lax.seal).what == question);
  CHECK(read(*sealed, &lax.seal).what == question);
  CHECK(*encode_stream(question, {}, &lax.seal) == *plain);
}

TEST_CASE("lengths that lie are refused before their bytes come") {
  sealed_end end(key_a);
  CHECK(read(std::string("\x0a\x01\x40\0\1", 5), &end.seal).why == "Remote node state is larger than limit (20971520)");
  auto too_much = [](std::string hex) { return read(test::from_hex(hex), nullptr, 1000); };
  CHECK(too_much("09db40000000").why == "Remote node state is larger than limit (1000)");
  CHECK(too_much("0981a3427566db000003f0").why == "Remote node state is larger than limit (1000)");
  CHECK(too_much("09df10000000").told);
  CHECK(too_much("0981dd00010000").why == "Remote node state is larger than limit (1000)");
  CHECK_FALSE(too_much("0881aa557365724d73674c656ece40000000").told); // UserMsgLen
  CHECK(too_much("0881aa557365724d73674c656eff").why == "gossip: a user message of negative size");
  CHECK(too_much("0681a54e6f646573ce7fffffff").why == "gossip: a push/pull with too many nodes");
  CHECK(too_much("0681a54e6f646573cd03e8").why == "Remote node state is larger than limit (1000)");
  CHECK(too_much("0682a54e6f64657301ac55736572537461746f6e65ff").why != "");
}

TEST_CASE("a compressed bomb in a stream stays within its bound") {
  const auto bomb = encode_compressed(std::string(4 << 20, 'x'));
  const auto got = read(bomb, nullptr, 1 << 20);
  CHECK(got.why == "compressed message expands to more than 1048576 bytes");
  CHECK(got.told);
}

TEST_CASE("a stream that carries what it must not is closed without a word") {
  for (const std::string hex : {"01", "0b", "ff", "07"}) {
    const auto got = read(test::from_hex(hex), nullptr);
    CHECK(got.why.starts_with("gossip: a stream of type "));
    CHECK_FALSE(got.told);
  }
  // Compressed twice, and cut off inside.
  CHECK(read(encode_compressed(encode_compressed("\x06")), nullptr).why == "gossip: a stream of type 9");
  CHECK(read(encode_compressed(std::string("\x06\x81", 2)), nullptr).why == "gossip: a stream message that is cut off");
}

TEST_CASE("bytes after the message are ignored, and nothing comes twice") {
  auto bytes = encode_stream(ack{5, ""}, {}, nullptr);
  stream_reader r(nullptr);
  auto m = r.feed(*bytes + "rest");
  REQUIRE(m.ok());
  CHECK(**m == stream_message(ack{5, ""}));
  m = r.feed(*bytes);
  REQUIRE(m.ok());
  CHECK_FALSE(m->has_value());
}

TEST_CASE("a keyring turns with the reference's words") {
  keyring k;
  CHECK(k.add("short").err().text == "key size must be 16, 24 or 32 bytes");
  CHECK(k.use(key_a).err().text == "Requested key is not in the keyring");
  REQUIRE(k.add(key_a).ok());
  REQUIRE(k.add(key_b).ok());
  REQUIRE(k.add(key_b).ok());
  CHECK(k.keys() == std::vector{key_a, key_b});
  CHECK(k.remove(key_a).err().text == "Removing the primary key is not allowed");
  REQUIRE(k.use(key_b).ok());
  CHECK(k.primary() == key_b);
  REQUIRE(k.remove(key_a).ok());
  CHECK(k.remove("never there").ok());
  CHECK(k.keys() == std::vector{key_b});
}

TEST_CASE("a keyring file keeps keys and their order") {
  keyring k;
  REQUIRE(k.add(std::string(16, '\0')).ok());
  CHECK(keyring_file(k, false) == "[\"AAAAAAAAAAAAAAAAAAAAAA==\"]");
  REQUIRE(k.add(key_a).ok());
  CHECK(keyring_file(k) == "[\n  \"AAAAAAAAAAAAAAAAAAAAAA==\",\n  \"YWFhYWFhYWFhYWFhYWFhYQ==\"\n]");
  auto again = parse_keyring_file(keyring_file(k));
  REQUIRE(again.ok());
  CHECK(*again == k);
  CHECK_FALSE(parse_keyring_file("[]").ok());
  CHECK_FALSE(parse_keyring_file("[\"YWFh\"]").ok());
  CHECK_FALSE(parse_keyring_file("{").ok());
  CHECK(parse_keyring_file(keyring_file(k) + " \n").ok());
  CHECK(parse_keyring_file(keyring_file(k) + "x").err().text == "invalid character 'x' after top-level value");
  CHECK_FALSE(parse_keyring_file(keyring_file(k) + keyring_file(k)).ok()); // two writers
}

TEST_CASE("packets are sealed and opened as the flags say") {
  sealed_end strict(key_a), lax(key_a, false, false);
  const auto body = encode(nack{9});
  const auto sealed = encode_packet(body, {}, &strict.seal);
  CHECK(sealed[0] == 1);
  CHECK(sealed.size() == body.size() + sealing::overhead);
  CHECK(encode_packet(body, {}, &lax.seal) == body);
  CHECK(decode_packet(sealed, &strict.seal)->messages.size() == 1);
  CHECK(decode_packet(sealed, &lax.seal)->messages.size() == 1);
  CHECK(decode_packet(body, &lax.seal)->messages.size() == 1);
  CHECK_FALSE(decode_packet(body, &strict.seal).ok());
  // Version 0 is padded.
  auto padded = body + std::string(16 - body.size() % 16, static_cast<char>(16 - body.size() % 16));
  auto old = strict.seal.seal(padded);
  old[0] = 0;
  CHECK(decode_packet(old, &strict.seal)->messages.size() == 1);
  old[0] = 2;
  CHECK(decode_packet(old, &strict.seal).err().text == "Unsupported encryption version 2");
}
