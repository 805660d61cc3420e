%% generated
{application, 'my_app',
 [{description, "An app"},
  {vsn, "1.2.3"},
  {modules, [my_app, my_app_sup]},
  {registered, []},
  {applications, [kernel, stdlib]},
  {env, [{port, 8080}]}]}.
