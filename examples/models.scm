; The models that are there, and which one is used where none is named.
;   examples/batch examples/models.scm list
;   examples/batch examples/models.scm check|test|default [FOLDER]
(say (car (plug-in-moa-models RUN-NONINTERACTIVE (argument 0 "list") (argument 1 ""))))
