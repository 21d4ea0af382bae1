// Packets and streams that real serf and Consul agents sent, with what they mean (tests/actors/gossip/fixtures).
#pragma once
#include "runtime/base/json_codec.hpp"
#include "runtime/base/json_writer.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/tests_folder.hpp"
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace actord::test {

struct gossip_vector {
  std::string name, bytes;
  bool stream = false;
  std::vector<std::string> decoded; // a line per layer, for people
  std::vector<std::string> keys;
};

inline std::vector<gossip_vector> gossip_vectors() {
  std::ifstream file(actord::test::tests_folder() + "/actors/gossip/fixtures/gossip-vectors.json");
  std::stringstream text;
  text << file.rdbuf();
  std::vector<gossip_vector> out;
  auto doc = json_document::parse(text.str());
  if (!doc) return out;
  for (const auto& e : doc->root().GetArray()) {
    gossip_vector v{e["name"].GetString(), from_hex(e["hex"].GetString()), e["transport"] == "tcp", {}, {}};
    for (const auto& line : e["decoded"].GetArray()) v.decoded.emplace_back(line.GetString());
    if (e.HasMember("keys_base64"))
      for (const auto& k : e["keys_base64"].GetArray()) decode_base64(k.GetString(), v.keys.emplace_back());
    out.push_back(std::move(v));
  }
  return out;
}

inline gossip_vector gossip_vector_named(std::string_view name) {
  for (auto& v : gossip_vectors())
    if (v.name == name) return v;
  return {};
}

} // namespace actord::test
