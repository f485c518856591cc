;;; emacs-page.el --- Looks at what the page for Emacs promises  -*- lexical-binding: t -*-

(require 'eglot)

(defun check-that (what condition)
  "Wait until CONDITION holds; WHAT says what that is."
  (with-timeout (60 (error "The page for Emacs: %s" what))
    (while (not (funcall condition))
      (accept-process-output nil 0.05))))

(defun check-page (file)
  "Open FILE as the settings of the page have it, and wait for what the server says."
  (find-file file)
  (check-that "the file has its mode" (lambda () (eq major-mode 'deploy-mode)))
  (check-that "words have colours"
              (lambda ()
                (font-lock-ensure)
                (eq (get-text-property (point-min) 'face) 'font-lock-keyword-face)))
  ;; Without a terminal no command is given after which `eglot-ensure' would connect.
  (apply #'eglot--connect (eglot--guess-contact))
  (flymake-mode 1)
  (flymake-start)
  (check-that "mistakes are shown" (lambda () (flymake-diagnostics)))
  (eglot-shutdown (eglot-current-server))
  (princ "ok      the page for Emacs\n"))
