// Address templates: what the real Consul made of them, and that evaluation is bounded.
#include "runtime/config/address_template/ip_prefix.hpp"
#include "runtime/config/address_template/syntax.hpp"
#include "runtime/config/steps.hpp"
#include "tests/support/tests_folder.hpp"
#include <chrono>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace actord;

namespace {

struct recording {
  std::string text, printed;
};

host_facts::interface_address read_interface(const std::string& line) {
  host_facts::interface_address out;
  std::string flags, address;
  std::istringstream words(line);
  words >> out.index >> out.mtu >> out.name >> out.hardware >> flags >> address;
  if (out.hardware == "-") out.hardware.clear();
  const auto has = [&](const char* flag) { return ("|" + flags + "|").find(std::string("|") + flag + "|") != std::string::npos; };
  out.up = has("up");
  out.loopback = has("loopback");
  out.broadcast = has("broadcast");
  out.point_to_point = has("pointtopoint");
  out.multicast = has("multicast");
  out.ip = address.substr(0, address.find('/'));
  out.prefix_length = std::stoi(address.substr(address.find('/') + 1));
  return out;
}

struct recorded_host {
  host_facts host;
  std::vector<recording> answers;
};

const std::vector<recorded_host>& recordings() {
  static const auto all = [] {
    std::ifstream in(actord::test::tests_folder() + "/runtime/config/recorded_templates.txt");
    std::vector<recorded_host> out;
    std::string line;
    while (std::getline(in, line)) {
      const auto rest = line.size() > 2 ? line.substr(2) : "";
      if (line.starts_with("* ")) out.push_back({{"vm", {}, 0, rest == "-" ? "" : rest}, {}});
      else if (line.starts_with("= ")) out.back().host.interfaces.push_back(read_interface(rest));
      else if (line.starts_with("> ")) out.back().answers.push_back({rest, ""});
      else if (line.starts_with("<")) out.back().answers.back().printed = rest;
    }
    return out;
  }();
  return all;
}

std::string evaluated(const std::string& text, const host_facts& host) {
  auto out = expand_template(text, host);
  if (!out) return "error: " + out.err().text;
  auto words = words_of(*out);
  return words.empty() ? "" : words[0];
}

} // namespace

TEST_CASE("address templates give what they give in Consul 1.8.7") {
  size_t asked = 0;
  REQUIRE(recordings().size() == 2);
  for (auto& [host, answers] : recordings()) {
    for (auto& r : answers) {
      ++asked;
      CAPTURE(r.text);
      auto got = evaluated(r.text, host);
      while (got.ends_with(' ')) got.pop_back();
      CHECK(got == r.printed);
    }
  }
  CHECK(asked > 500);
}

TEST_CASE("mask is the documented operation that 1.8.7 does not have yet, and +0 stays in an IPv6 network") {
  const auto& host = recordings()[0].host;
  CHECK(evaluated(R"({{ GetAllInterfaces | include "name" "^eth0$" | include "type" "ipv4" | math "mask" "16" | join "string" "," }})", host) ==
        "10.1.0.0/16,192.168.0.0/16,10.1.0.0/16");
  CHECK(evaluated(R"({{ GetAllInterfaces | include "network" "192.168.0.0/16" | math "mask" "30" | attr "string" }})", host) == "192.168.7.8/28");
  CHECK(evaluated(R"({{ GetAllInterfaces | include "address" "fd00" | math "network" "+0" | attr "address" }})", host) == "fd00:1::");
  CHECK(evaluated(R"({{ GetDefaultInterfaces | attr "address" }})", host_facts{}).find("No default interface found") != std::string::npos);
}

TEST_CASE("variables of a range may be older ones, and must be there") {
  const auto& host = recordings()[0].host;
  CHECK(evaluated(R"({{ $x := 1 }}{{ $i := 1 }}{{ range $i, $x = . | limit 3 }}{{ $i }}{{ $x.Name }},{{ end }}{{ $i }})", host) == "0lo,1lo,2tt0,2");
  CHECK(evaluated("{{ range $i, $x = . }}x{{ end }}", host).ends_with("undefined variable: $i"));
  CHECK(evaluated("{{ if false }}{{ $x = 1 }}{{ $x }}{{ end }}ok", host) == "ok");
}

TEST_CASE("templates are bounded in text, nesting, steps and output") {
  const auto& host = recordings()[0].host;
  const auto refused = [&](const std::string& text, const char* why) {
    CAPTURE(text.substr(0, 80));
    auto out = expand_template(text, host);
    REQUIRE_FALSE(out.ok());
    CHECK(out.err().text.find(why) != std::string::npos);
  };
  const auto repeated = [](const std::string& piece, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += piece;
    return out;
  };
  refused("{{ \"" + std::string(70000, 'a') + "\" }}", "longer than 65,536 bytes");
  refused("{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}", "too deeply nested");
  refused(repeated("{{ if true }}", 2000) + repeated("{{ end }}", 2000), "too deeply nested");
  refused(repeated("{{ if true }}{{ else if true }}", 1) + repeated("{{ else if true }}", 2000) + "{{ end }}", "too deeply nested");
  refused("{{ $x := \"a\" }}" + repeated("{{ $x = print $x $x }}", 60) + "{{ $x }}", "more than 65,536 bytes");
  const std::string each = "{{ range $ }}", done = "{{ end }}";
  refused(repeated(each, 6) + repeated(done, 6), "too many steps");
  refused(repeated(each, 6) + std::string(100, 'x') + repeated(done, 6), "more than 65,536 bytes");
  refused("{{ . " + repeated("| include \"type\" \"ipv4|ip|ipv6|ip\" ", 12) + "| len }}", "too many interface addresses");
  refused("{{ . | sort \"name" + repeated(",name", 40) + "\" }}", "more than 32 sort types");
  refused(repeated(each, 3) + R"({{ $ | include "name" "((a{20}){10}|b*)*c{200}" | len }})" + repeated(done, 3), "too many steps");
}

TEST_CASE("addresses are printed as Go prints them") {
  const auto text = [](const char* t) {
    const auto ip = parse_prefix(t);
    return ip ? ip->text() : std::string("none");
  };
  CHECK(text("01.2.3.4") == "1.2.3.4");
  CHECK(text("::ffff:1.2.3.4") == "1.2.3.4");
  CHECK(text("0:0:0:0:0:0:0:0") == "::");
  CHECK(text("::1.2.3.4") == "::102:304");
  CHECK(text("1:0:0:2:0:0:0:3/64") == "1:0:0:2::3/64");
  CHECK(text("1:0:2:3:4:5:6:7") == "1:0:2:3:4:5:6:7");
  CHECK(text("fe80::1%eth0") == "none");
  CHECK(text("1.2.3.256") == "none");
  CHECK(text("1.2.3") == "none");
  CHECK(text("10.0.0.0/33") == "none");
}
