#include "storage/lmdb/digest.hpp"
#include <doctest/doctest.h>
#include <string>

using namespace actord::lmdb;

TEST_CASE("the hash is MurmurHash3's for 64-bit machines, in one piece or in several") {
  CHECK(murmur128({0, 0}).finish("") == sum128{0, 0});
  CHECK(murmur128({0, 0}).finish("The quick brown fox jumps over the lazy dog") == sum128{0xe34bbc7bbc071b6c, 0x7a433ca9c49a9347});
  CHECK(murmur128({0, 0}).finish("The quick brown fox jumps over the lazy cog") == sum128{0x658ca970ff85269a, 0x43fee3eaa68e5c3e});
  const std::string long_text(100, 'x');
  murmur128 pieces({1, 2});
  pieces.blocks(long_text.data(), 16);
  pieces.blocks(long_text.data() + 16, 64);
  CHECK(pieces.finish(std::string_view(long_text).substr(80)) == murmur128({1, 2}).finish(long_text));
}

TEST_CASE("no byte moves between key and value") {
  CHECK(hash_of_entry(hash_of_key("ab"), "c") != hash_of_entry(hash_of_key("a"), "bc"));
  CHECK(hash_of_entry(hash_of_key("a"), "") != hash_of_entry(hash_of_key(""), "a"));
}
