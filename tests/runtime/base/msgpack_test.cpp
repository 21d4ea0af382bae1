#include "runtime/base/msgpack_codec.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>
#include <msgpack.hpp>

using namespace actord;

namespace {
struct unordered {
  uint64_t zebra = 7;
  std::string apple = "x";
  string_slice mango;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Zebra", s.zebra);
    v("Apple", s.apple);
    v("Mango", s.mango);
  }
};

free_value random_value(prng& random, int depth) {
  free_value out;
  switch (random.below(depth > 3 ? 6 : 8)) {
  case 0: out.v = random.chance(0.5); break;
  case 1: out.v = random() >> random.below(64); break;
  case 2: out.v = -static_cast<int64_t>(random() >> random.between(1, 63)) - 1; break;
  case 3: out.v = static_cast<double>(random()) / 3; break;
  case 4: out.v = std::string(random.below(70000) >> random.below(17), 'x'); break;
  case 6: {
    auto& list = out.v.emplace<free_value::list>();
    for (auto n = random.below(20); n > 0; --n) list.push_back(random_value(random, depth + 1));
    break;
  }
  case 7: {
    auto& object = out.v.emplace<free_value::object>();
    for (auto n = random.below(20); n > 0; --n) object[std::to_string(random.below(1000))] = random_value(random, depth + 1);
    break;
  }
  default: break;
  }
  return out;
}

free_value from_twin(const msgpack::object& o) {
  free_value out;
  switch (o.type) {
  case msgpack::type::BOOLEAN: out.v = o.via.boolean; break;
  case msgpack::type::POSITIVE_INTEGER: out.v = o.via.u64; break;
  case msgpack::type::NEGATIVE_INTEGER: out.v = o.via.i64; break;
  case msgpack::type::FLOAT32:
  case msgpack::type::FLOAT64: out.v = o.via.f64; break;
  case msgpack::type::STR: out.v = std::string(o.via.str.ptr, o.via.str.size); break;
  case msgpack::type::BIN: out.v = std::string(o.via.bin.ptr, o.via.bin.size); break;
  case msgpack::type::ARRAY: {
    auto& list = out.v.emplace<free_value::list>();
    for (uint32_t i = 0; i < o.via.array.size; ++i) list.push_back(from_twin(o.via.array.ptr[i]));
    break;
  }
  case msgpack::type::MAP: {
    auto& object = out.v.emplace<free_value::object>();
    for (uint32_t i = 0; i < o.via.map.size; ++i) object[o.via.map.ptr[i].key.as<std::string>()] = from_twin(o.via.map.ptr[i].val);
    break;
  }
  default: break;
  }
  return out;
}
} // namespace

TEST_CASE("a record's names are in byte order, all present, and nil where nothing was set") {
  auto bytes = to_msgpack(unordered{});
  CHECK(bytes == std::string("\x83\xa5" "Apple\xa1x\xa5" "Mango\xc0\xa5" "Zebra\x07"));
  unordered back;
  back.zebra = 0;
  REQUIRE(from_msgpack(bytes, back));
  CHECK(back.zebra == 7);
}

TEST_CASE("strings of 32 to 255 bytes are the old raw, never str8") {
  std::string out;
  msgpack_writer(out).raw(std::string(40, 'a'));
  CHECK(out.substr(0, 3) == std::string("\xda\x00\x28", 3));
}

TEST_CASE("unknown names are skipped and missing ones keep zero") {
  unordered x;
  CHECK(from_msgpack(std::string("\x82\xa3" "Foo\x93\x01\xc0\x81\xa1" "a\xcb\0\0\0\0\0\0\0\0\xa5" "Zebra\xcd\x01\x00", 29), x));
  CHECK(x.zebra == 256);
}

TEST_CASE("our reader and msgpack-c read the same out of any value, and every cut of it fails cleanly") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    prng random(seed);
    auto value = random_value(random, 0);
    std::string bytes;
    msgpack_writer w(bytes);
    msgpack_encode_free(w, value);
    msgpack_reader r(bytes);
    free_value mine;
    msgpack_decode_free(r, mine);
    REQUIRE(r.ok());
    CHECK(r.at_end());
    CHECK(mine == value);
    auto twin = msgpack::unpack(bytes.data(), bytes.size());
    CHECK(from_twin(twin.get()) == value);
    msgpack_reader skipper(bytes);
    skipper.skip();
    CHECK(skipper.at_end());
    auto cut = random.below(bytes.size());
    msgpack_reader short_reader(std::string_view(bytes).substr(0, cut));
    free_value ignored;
    msgpack_decode_free(short_reader, ignored);
    CHECK_FALSE(short_reader.ok());
  }
}

TEST_CASE("an announced length is not believed") {
  for (std::string lie : {std::string("\xdd\xff\xff\xff\xff", 5), std::string("\xdf\x7f\xff\xff\xff", 5), std::string("\xdb\xff\xff\xff\xff", 5)}) {
    msgpack_reader r(lie);
    free_value x;
    msgpack_decode_free(r, x);
    CHECK_FALSE(r.ok());
  }
}
