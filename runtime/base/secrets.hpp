// What must not be shown where configuration is: in /v1/agent/self, in the log, in errors.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace actord {

// A setting, header or key of that name holds a secret: "token", "access_key_id", "Authorization", "vault_password".
bool names_secret(std::string_view name);
// The text with the values of such names (`provider=aws secret_access_key = …`, names and values quoted or not, `"token": …` as in
// JSON, `Authorization: …` to the end of the line) as "hidden" and with the passwords of URLs as "***". One pass.
std::string hide_secrets(std::string_view text);
// The words of a command line: also what follows a flag of such a name (`-token …`).
std::vector<std::string> hide_secrets_in(std::vector<std::string> words);
// An error about something shown, with what stood there hidden.
std::string hide_secrets_of(std::string_view shown, std::string message);

} // namespace actord
