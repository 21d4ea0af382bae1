#include "api/http/core/router.hpp"
#include "api/http/core/uri.hpp"
#include "runtime/base/prng.hpp"
#include <doctest/doctest.h>

using namespace actord;
using namespace actord::http;

namespace {

const std::vector<std::string_view> table{"/v1/kv/", "/v1/a", "/v1/a/b/", "/v1/a/", "/v1/status/leader", "/x/y/z"};

// The rules read aloud: exact, else a redirect to the pattern with a slash, else the longest prefix.
std::string dumb(const std::string& path) {
  if (clean_path(path) != path) return "redirect " + clean_path(path);
  for (size_t i = 0; i < table.size(); ++i)
    if (table[i] == path) return "row " + std::to_string(i) + " ";
  for (auto p : table)
    if (p == path + "/") return "redirect " + std::string(p);
  size_t best = table.size();
  for (size_t i = 0; i < table.size(); ++i)
    if (table[i].ends_with('/') && path.starts_with(table[i]) && (best == table.size() || table[i].size() > table[best].size())) best = i;
  if (best == table.size()) return "absent";
  return "row " + std::to_string(best) + " " + path.substr(table[best].size());
}

std::string clever(const router& r, const std::string& path) {
  auto m = r.match(path);
  if (m.what == route_match::kind::absent) return "absent";
  if (m.what == route_match::kind::redirect) return "redirect " + m.location;
  return "row " + std::to_string(m.row) + " " + std::string(m.tail);
}

} // namespace

TEST_CASE("the router agrees with its dumb twin on random paths") {
  router r(table);
  prng random(7);
  static constexpr std::string_view pieces[] = {"/", "v1", "kv", "a", "b", ".", "..", "//", "status", "leader", "x", "y", "z"};
  for (int round = 0; round < 20000; ++round) {
    std::string path = "/";
    for (uint64_t n = random.below(9); n > 0; --n) {
      path += pieces[random.below(std::size(pieces))];
      if (random.chance(0.6)) path += '/';
    }
    REQUIRE_MESSAGE(clever(r, path) == dumb(path), path);
  }
}

TEST_CASE("cleaning is asked for exactly when it would change the path") {
  prng random(8);
  for (int round = 0; round < 20000; ++round) {
    std::string path = "/";
    for (uint64_t n = random.below(8); n > 0; --n) path += "/.a"[random.below(3)];
    REQUIRE_MESSAGE(needs_cleaning(path) == (clean_path(path) != path), path);
  }
  CHECK(clean_path("/v1/kv/a//b/../c/") == "/v1/kv/a/c/");
  CHECK(clean_path("/../..") == "/");
}

TEST_CASE("control characters and odd spaces are not printable, letters of any script are") {
  CHECK(printable("/v1/kv/a b\xc3\xbc\xe4\xb8\x96"));
  CHECK_FALSE(printable(std::string_view("/a\0b", 4)));
  CHECK_FALSE(printable("/a\n"));
  CHECK_FALSE(printable("/a\xc2\xa0"));
  CHECK(printable("/a\xff"));
}

TEST_CASE("Allow lists the verbs in Consul's order") { CHECK(allow_header(1 | 4 | 8) == "OPTIONS,GET,PUT,DELETE"); }
