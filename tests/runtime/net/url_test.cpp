// URLs: what the real Consul's checks made of them, and references as RFC 3986 resolves them.
#include "runtime/base/json_codec.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/net/url.hpp"
#include "tests/support/tests_folder.hpp"
#include <doctest/doctest.h>
#include <fstream>

using namespace actord::net;

namespace {

// JSON's strings in the recording are Go's but for surrogates, of which there is one pair.
std::string from_json(std::string text) {
  for (auto at = text.find("\\ud83d\\ude00"); at != text.npos; at = text.find("\\ud83d\\ude00")) text.replace(at, 12, "\U0001f600");
  std::string out;
  REQUIRE(actord::unquote(text, out));
  return out;
}

std::string with_port(std::string text, const std::string& port) {
  for (auto at = text.find("PORT"); at != text.npos; at = text.find("PORT", at)) text.replace(at, 4, port);
  return text;
}

// As an HTTP check sends it or says it.
std::string asked(const std::string& text) {
  auto page = parse_url(text);
  if (!page) return "OUTPUT " + page.err().text;
  auto to = http_url_of(*page);
  if (!to) return "OUTPUT Get \"" + page->text() + "\": " + to.err().text;
  auto line = "GET " + to->target + " HTTP/1.1";
  if (to->authority() != "127.0.0.1:4711") line += " | Host: " + to->authority();
  return to->user_info.empty() ? line : line + " | Authorization: Basic dXNlcjpwYXNz";
}

} // namespace

TEST_CASE("URLs go out as Go escapes them, and are refused with its texts") {
  std::ifstream in(actord::test::tests_folder() + "/runtime/net/recorded_urls.txt");
  std::string line, url;
  int seen = 0;
  while (std::getline(in, line)) {
    if (line.starts_with("> ")) url = with_port(from_json(line.substr(2)), "4711");
    if (!line.starts_with("< ")) continue;
    auto said = with_port(line.substr(2), "4711");
    if (said.find("connection refused") != said.npos) continue; // that is the network
    ++seen;
    CAPTURE(url);
    CHECK(asked(url) == said);
  }
  CHECK(seen > 430);
}

TEST_CASE("references are resolved as RFC 3986 has it") {
  const auto base = parse_url("http://u:p@a/b/c/d;p?q");
  const auto seen = [&](const char* reference) {
    auto r = resolve_reference(*base, reference);
    return r ? r->text() : r.err().text;
  };
  // Section 5.4, with the base's user, which Go keeps.
  const char* pairs[][2] = {{"g:h", "g:h"}, {"g", "/b/c/g"}, {"./g", "/b/c/g"}, {"g/", "/b/c/g/"}, {"/g", "/g"}, {"?y", "/b/c/d;p?y"},
                            {"g?y", "/b/c/g?y"}, {"#s", "/b/c/d;p?q#s"}, {"g#s", "/b/c/g#s"}, {"g?y#s", "/b/c/g?y#s"}, {";x", "/b/c/;x"},
                            {"", "/b/c/d;p?q"}, {".", "/b/c/"}, {"./", "/b/c/"}, {"..", "/b/"}, {"../", "/b/"}, {"../g", "/b/g"},
                            {"../..", "/"}, {"../../g", "/g"}, {"../../../g", "/g"}, {"/./g", "/g"}, {"/../g", "/g"}, {"g..", "/b/c/g.."},
                            {"./../g", "/b/g"}, {"g/./h", "/b/c/g/h"}, {"g/../h", "/b/c/h"}, {"g?y/../x", "/b/c/g?y/../x"}, {"a b", "/b/c/a%20b"}};
  for (auto& [reference, path] : pairs) {
    CAPTURE(reference);
    CHECK(seen(reference) == (std::string(path).starts_with("/") ? "http://u:***@a" + std::string(path) : path));
  }
  CHECK(seen("//g/x/../y") == "http://g/y");
  CHECK(seen("https://h") == "https://h");
  CHECK(seen("::") == "parse \"::\": missing protocol scheme");
  CHECK(parse_url("http://u:secret@h/x?y")->referer() == "http://h/x?y");
}

TEST_CASE("credentials go on to the same host and below it") {
  const auto at = [](const char* text) { return *parse_http_url(text); };
  CHECK(keeps_credentials(at("http://h/a"), at("http://H:80/b")));
  CHECK(keeps_credentials(at("http://h"), at("http://x.h")));
  CHECK_FALSE(keeps_credentials(at("http://h"), at("http://xh")));
  CHECK_FALSE(keeps_credentials(at("http://h"), at("http://h:81")));
  CHECK_FALSE(keeps_credentials(at("http://x.h"), at("http://h")));
}
