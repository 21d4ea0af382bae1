// Calls that real Consul agents made of real servers, and what these answered (tests/actors/rpc/fixtures).
#pragma once
#include "runtime/base/json_codec.hpp"
#include "tests/support/hex.hpp"
#include "tests/support/tests_folder.hpp"
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace actord::test {

struct rpc_vector {
  std::string method, failure, request, answer;
};

inline std::vector<rpc_vector> rpc_vectors() {
  std::ifstream file(actord::test::tests_folder() + "/actors/rpc/fixtures/rpc-vectors.json");
  std::stringstream text;
  text << file.rdbuf();
  std::vector<rpc_vector> out;
  auto doc = json_document::parse(text.str());
  if (!doc) return out;
  for (const auto& e : doc->root()["calls"].GetArray())
    out.push_back({e["method"].GetString(), e["error"].GetString(), from_hex(e["req_hex"].GetString()), from_hex(e["resp_hex"].GetString())});
  return out;
}

} // namespace actord::test
