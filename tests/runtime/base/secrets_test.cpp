#include "runtime/base/quote.hpp"
#include "runtime/base/secrets.hpp"
#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("values of names that say so are hidden, the rest stays as it is") {
  CHECK(hide_secrets("provider=aws tag_value=bar access_key_id=AKIA secret_access_key=S3 region=x") ==
        "provider=aws tag_value=bar access_key_id=hidden secret_access_key=hidden region=x");
  CHECK(hide_secrets("provider=os user_name=U  password=PW token=TK") == "provider=os user_name=U  password=hidden token=hidden");
  CHECK(hide_secrets("provider=do api_token=\"a \\\" b\" label=\"x=y\"") == "provider=do api_token=hidden label=\"x=y\"");
  CHECK(hide_secrets("auth_token='a b' c=`token=x`") == "auth_token=hidden c=`token=hidden");
  CHECK(hide_secrets("token=") == "token=hidden");
  CHECK(hide_secrets("token = x") == "token = hidden");
  CHECK(hide_secrets("provider=aws secret_access_key  =  \"a b\" region = x") == "provider=aws secret_access_key  =  hidden region = x");
  CHECK(hide_secrets("\"secret_access_key\" = 'a b' `token`=x") == "\"secret_access_key\" = hidden `token`=hidden");
  CHECK(hide_secrets("{\"api_token\": \"a\", \"x\":\"y\"}") == "{\"api_token\": hidden, \"x\":\"y\"}");
  CHECK(hide_secrets("curl -H 'Authorization: Bearer abc' -H \"X-Vault-Token: s.1\" x") == "curl -H 'Authorization: hidden' -H \"X-Vault-Token: hidden\" x");
  CHECK(hide_secrets("lookup secret-host: no such host; key-host:8301 token") == "lookup secret-host: no such host; key-host:8301 token");
  CHECK(hide_secrets("=x a=token") == "=x a=token");
  CHECK(hide_secrets("10.0.0.1 [::1]:8301") == "10.0.0.1 [::1]:8301");
  CHECK(hide_secrets("") == "");
}

TEST_CASE("what follows a flag of such a name is hidden") {
  const std::vector<std::string> words{"check", "-token", "x", "--password", "-v", "y", "-token=z", "key"};
  CHECK(hide_secrets_in(words) == std::vector<std::string>{"check", "-token", "hidden", "--password", "-v", "y", "-token=hidden", "key"});
}

// It is asked of any request's path.
TEST_CASE("a text of nothing but names is looked at once") {
  for (const char* piece : {"a=", "a:", "a: ", "a =", "'a'='", "key =", "://a", "x-token: "}) {
    std::string text;
    while (text.size() < 4 << 20) text += piece;
    CHECK(hide_secrets(text).size() > 4); // minutes, where each name's value is searched for
  }
}

TEST_CASE("passwords of URLs are hidden") {
  CHECK(hide_secrets("see http://u:p@h/x, https://u:p%40q@[::1]:8/?a:b@c") == "see http://u:***@h/x, https://u:***@[::1]:8/?a:b@c");
  CHECK(hide_secrets("http://h:80/a:b@c") == "http://h:80/a:b@c");
  CHECK(hide_secrets("http://u@h") == "http://u@h");
  CHECK(hide_secrets("://:@") == "://:***@");
}

TEST_CASE("an error about something hides it wherever it stands") {
  CHECK(hide_secrets_of("token=x", "Failed to resolve token=x: lookup token=x: no such host") ==
        "Failed to resolve token=hidden: lookup token=hidden: no such host");
  CHECK(hide_secrets_of("abc", "abc token=x") == "abc token=x");
}

TEST_CASE("names are quoted as Go quotes them, and read back") {
  CHECK(quote("a\"\\\n\x01\xff\xc3\xa9") == "\"a\\\"\\\\\\n\\x01\\xff\xc3\xa9\"");
  CHECK(quote_ascii("\xc3\xa9\xf0\x9f\x98\x80") == "\"\\u00e9\\U0001f600\"");
  std::string out;
  CHECK(unquote("\"\\u00e9\\U0001f600\\x41\\101\\a\"", out));
  CHECK(out == "\xc3\xa9\xf0\x9f\x98\x80" "AA\a");
  CHECK(unquote("`a\\n`", out));
  CHECK(out == "a\\n");
  for (auto* bad : {"\"\\q\"", "\"\\ud800\"", "\"\\x4\"", "\"", "\"a\"b\""}) CHECK_FALSE(unquote(bad, out));
}
