#include "actors/peers/core/frames.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::peer;

namespace {

using seen = std::vector<std::pair<frame_kind, std::string>>;

status read_pieces(frame_reader& reader, std::initializer_list<std::string_view> pieces, seen& out) {
  for (auto piece : pieces)
    if (auto s = reader.feed(piece, [&](frame_kind k, std::string_view body) {
          out.emplace_back(k, std::string(body));
          return true;
        });
        !s)
      return s;
  return {};
}

hello full_hello() {
  hello h;
  h.command_level = 3;
  h.purpose = purpose::snapshot;
  h.id = "11111111-2222-3333-4444-555555555555";
  h.name = "n1";
  h.address = "[::1]:8300";
  h.datacenter = "dc1";
  h.bootstrap_expect = 3;
  h.non_voter = h.bootstrapped = true;
  h.known = {{"a", "10.0.0.1:8300"}, {"b", ""}};
  h.members = {"a", "c"};
  return h;
}

std::string body_of(const std::string& frame) { return frame.substr(5); }

} // namespace

TEST_CASE("frames cut anywhere are the same frames") {
  messages_frame m;
  m.add("one");
  m.add(std::string(300, 'z'));
  const std::string stream = encode(full_hello()) + m.take() + encode_empty(frame_kind::ping) + encode(frame_kind::question, {7, "q"});
  seen whole;
  frame_reader once;
  REQUIRE(read_pieces(once, {stream}, whole).ok());
  REQUIRE(whole.size() == 4);
  for (size_t i = 0; i <= stream.size(); ++i)
    for (size_t j = i; j <= std::min(stream.size(), i + 6); ++j) {
      frame_reader reader;
      seen got;
      const std::string_view s(stream);
      REQUIRE(read_pieces(reader, {s.substr(0, i), s.substr(i, j - i), s.substr(j)}, got).ok());
      REQUIRE(got == whole);
    }
  frame_reader bytes;
  seen got;
  for (char c : stream) REQUIRE(read_pieces(bytes, {std::string_view(&c, 1)}, got).ok());
  CHECK(got == whole);
}

TEST_CASE("what is encoded comes back") {
  auto h = decode_hello(body_of(encode(full_hello())));
  REQUIRE(h.ok());
  CHECK(*h == full_hello());
  auto n = decode_numbered(body_of(encode(frame_kind::answer, {1ULL << 63, std::string("\0x", 2)})));
  REQUIRE(n.ok());
  CHECK(n->id == 1ULL << 63);
  CHECK(n->body == std::string("\0x", 2));
  auto b = decode_snapshot_begin(body_of(encode(snapshot_begin{9, 1 << 30, "body"})));
  REQUIRE(b.ok());
  CHECK(b->transfer == 9);
  CHECK(b->size == 1 << 30);
  CHECK(b->install == "body");
  const auto frame = encode(snapshot_chunk{12345, "bytes"});
  auto c = decode_snapshot_chunk(std::string_view(frame).substr(5));
  REQUIRE(c.ok());
  CHECK(c->offset == 12345);
  CHECK(c->bytes == "bytes");
  auto a = decode_snapshot_ack(body_of(encode(snapshot_ack{77, true})));
  REQUIRE(a.ok());
  CHECK(a->offset == 77);
  CHECK(a->done);
  CHECK(*decode_refused(body_of(encode_refused("no\nway"))) == "no?way");
  messages_frame m;
  m.add("one");
  m.add("two");
  const auto messages = m.take();
  auto views = decode_messages(std::string_view(messages).substr(5));
  REQUIRE(views.ok());
  CHECK(*views == std::vector<std::string_view>{"one", "two"});
  CHECK(m.empty());
}

TEST_CASE("unknown fields are skipped") {
  std::string body = body_of(encode(full_hello()));
  body += std::string("\xc8\x01\x05", 3);         // field 100, number 5
  body += std::string("\xcb\x01\x03" "new", 6);   // field 101, three bytes
  auto h = decode_hello(body);
  REQUIRE(h.ok());
  CHECK(*h == full_hello());
}

TEST_CASE("a hello without an id or versions is none, and a truncated one neither") {
  hello h = full_hello();
  h.id.clear();
  CHECK_FALSE(decode_hello(body_of(encode(h))).ok());
  h = full_hello();
  h.version_min = 0;
  CHECK_FALSE(decode_hello(body_of(encode(h))).ok());
  const auto body = body_of(encode(full_hello()));
  for (size_t i = 0; i < body.size(); ++i) (void)decode_hello(std::string_view(body).substr(0, i)); // a hello or an error
  CHECK_FALSE(decode_hello(body.substr(0, body.size() - 1)).ok());
}

TEST_CASE("a hello with too many known servers still fits the greeting") {
  hello h = full_hello();
  for (int i = 0; i < 5000; ++i) h.known["server-" + std::to_string(i)] = std::string(100, 'a');
  const auto frame = encode(h);
  CHECK(frame.size() <= greeting_limit + 4);
  frame_reader reader;
  seen got;
  REQUIRE(read_pieces(reader, {frame}, got).ok());
  auto back = decode_hello(got.at(0).second);
  REQUIRE(back.ok());
  CHECK(back->id == h.id);
  CHECK(back->known.size() > 100);
}

TEST_CASE("a length over the limit or of nothing is an error before its bytes come") {
  seen got;
  frame_reader reader(100);
  CHECK_FALSE(read_pieces(reader, {std::string_view("\0\0\0\x65", 4)}, got).ok());
  frame_reader zero(100);
  CHECK_FALSE(read_pieces(zero, {std::string_view("\0\0\0\0\1", 5)}, got).ok());
  frame_reader later(100); // the limit of the moment counts
  later.set_limit(200);
  CHECK(read_pieces(later, {std::string_view("\0\0\0\x65", 4)}, got).ok());
  CHECK(got.empty());
}

TEST_CASE("an announced length takes no memory until its bytes come") {
  frame_reader reader(frame_limit);
  seen got;
  REQUIRE(read_pieces(reader, {std::string_view("\x04\x00\x00\x00\x03" "abc", 8)}, got).ok());
  CHECK(reader.held() < 4096);
}

TEST_CASE("a million random frames neither crash nor take memory") {
  prng random(4711);
  size_t most = 0, frames = 0, errors = 0;
  std::string bytes;
  for (int i = 0; i < 1000000; ++i) {
    frame_reader reader(greeting_limit);
    bytes.clear();
    const auto n = random.below(40);
    bytes.append(3, '\0'); // most lengths would end it at once otherwise
    if (random.chance(0.1)) bytes.clear();
    for (uint64_t k = 0; k < n; ++k) bytes.push_back(static_cast<char>(random()));
    auto s = reader.feed(bytes, [&](frame_kind kind, std::string_view body) {
      ++frames;
      switch (kind) {
      case frame_kind::hello: (void)decode_hello(body); break;
      case frame_kind::messages: (void)decode_messages(body); break;
      default: (void)decode_numbered(body); (void)decode_snapshot_chunk(body); break;
      }
      return true;
    });
    errors += s.ok() ? 0 : 1;
    most = std::max(most, reader.held());
  }
  CHECK(frames > 1000);
  CHECK(errors > 1000);
  CHECK(most < 4096);
}
